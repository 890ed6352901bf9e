CREATE TABLE seed ();
