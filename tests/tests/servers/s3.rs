//! An S3 server that keeps buckets as folders: what is there can be seen without asking it.

use crate::{
    example::Example,
    server::{Server, free_port},
};

/// The example's name.
pub(crate) const NAME: &str = "s3";

fn server() -> Example {
    let mut server = Server::new();
    let port = free_port();
    let (buckets, versions) = (server.path("buckets"), server.path("versions"));
    std::fs::create_dir(&buckets).unwrap();
    std::fs::create_dir(&versions).unwrap();
    let env = vec![
        ("S3_ENDPOINT", format!("http://127.0.0.1:{port}")),
        ("S3_REGION", "us-east-1".to_owned()),
        ("S3_ACCESS_KEY", "sandbind".to_owned()),
        ("S3_SECRET_KEY", "choose-one".to_owned()),
    ];
    let own = [("ROOT_ACCESS_KEY", "sandbind".to_owned()), ("ROOT_SECRET_KEY", "choose-one".to_owned())];
    let address = format!("127.0.0.1:{port}");
    let command = ["versitygw", "--port", &address, "posix", "--versioning-dir", &versions, &buckets];
    server.start("log", &command, &own, &format!("curl -sS http://{address}/"));
    // The server's locks stay; they are no part of a bucket.
    Example {
        name: NAME,
        env,
        list: format!("find {buckets} {versions} -name .vgwlocks -prune -o -print | sort"),
        _server: server,
    }
}

#[test]
fn each_sandbox_has_a_bucket_that_goes_with_what_is_in_it() {
    server().check();
}

/// Fills the bucket: more objects than a list has at once, each in two versions, keys that XML and shells have escapes for, and a marker
/// in the place of a deleted object.
const FILL: &str = r#"
printf 'user = "%s:%s"\naws-sigv4 = "aws:amz:%s:s3"\nsilent\nshow-error\nfail\n' "$S3_ACCESS_KEY" "$S3_SECRET_KEY" "$S3_REGION" >key
echo 'header = "x-amz-content-sha256: UNSIGNED-PAYLOAD"' >>key
on='<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>'
curl -K key -X PUT --data-binary "$on" "$S3_ENDPOINT/$S3_BUCKET?versioning="
cp key uploads
for object in $(seq 510) 'folder/a%20%26%20b' '%3Ckey%3E' 'a%22%27%24%5C' 'line%0Aend' '%C3%A9'; do
  printf 'upload-file = "%s"\nurl = "%s"\n' key "$S3_ENDPOINT/$S3_BUCKET/$object" >>uploads
done
curl -K uploads
curl -K uploads
curl -K key -X DELETE "$S3_ENDPOINT/$S3_BUCKET/1"
curl -K key -o listed "$S3_ENDPOINT/$S3_BUCKET?versions="
grep -q '<IsTruncated>true</IsTruncated>' listed
"#;

#[test]
fn a_full_bucket_goes_with_all_versions_of_what_is_in_it() {
    let example = server();
    example.check_after(FILL);
}
