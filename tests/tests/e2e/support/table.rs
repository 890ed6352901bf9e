//! What `kubectl get` prints, read as people read it: by the columns' heads.

use std::collections::BTreeMap;

/// One row: cells by the head of their column.
pub type Row = BTreeMap<String, String>;

/// The rows of one table. Columns begin where their heads begin.
pub fn rows(text: &str) -> Vec<Row> {
    let mut lines = text.lines();
    let Some(head) = lines.next() else { return Vec::new() };
    let columns: Vec<usize> = head
        .char_indices()
        .filter(|(at, one)| *one != ' ' && (*at == 0 || head[..*at].ends_with("  ")))
        .map(|(at, _)| at)
        .collect();
    lines.map(|line| row(head, line, &columns)).collect()
}

fn row(head: &str, line: &str, columns: &[usize]) -> Row {
    let ends = columns.iter().skip(1).copied().chain([usize::MAX]);
    let cell = |text: &str, from: usize, to: usize| {
        let chars = text.chars().skip(from).take(to - from);
        chars.collect::<String>().trim().to_owned()
    };
    columns.iter().zip(ends).map(|(&from, to)| (cell(head, from, to), cell(line, from, to))).collect()
}
