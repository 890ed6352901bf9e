//! The page of the docs, followed by somebody who has these three contexts.

use std::{
    os::unix::fs::symlink,
    process::Command,
    time::{Duration, Instant},
};

use sandbind_tests::pages::{self, Block, Mark};

use crate::bed::{self, Bed, Ended};

/// How long what is shown may take to be so.
const LONG: Duration = Duration::from_secs(90);

pub(crate) struct Page<'a> {
    bed: &'a Bed,
    blocks: std::iter::Peekable<std::vec::IntoIter<Block>>,
    last: String,
}

impl<'a> Page<'a> {
    pub(crate) fn open(page: &str, bed: &'a Bed) -> Self {
        symlink(pages::root().join("examples"), bed.folder.path().join("examples")).unwrap();
        let blocks = pages::blocks(&pages::text(page)).unwrap();
        Self { bed, blocks: blocks.into_iter().peekable(), last: String::new() }
    }

    /// Follows the blocks up to the first that begins with this.
    pub(crate) fn read_to(&mut self, end: &str) {
        while let Some(block) = self.blocks.next_if(|block| !block.text.starts_with(end)) {
            match &block.mark {
                None | Some(Mark::Skip(_)) => {}
                Some(Mark::Run) => {
                    let ended = self.run(&block.text);
                    assert_eq!(ended.code, 0, "{}: {ended:?}", block.text);
                    self.last = block.text;
                }
                Some(Mark::Shows) => self.shows(&block),
                Some(other) => panic!("line {}: this page is not read with {other:?}", block.line),
            }
        }
    }

    /// Clusters take a moment: the command is repeated until it shows this.
    fn shows(&self, block: &Block) {
        let begin = Instant::now();
        loop {
            let ended = self.run(&self.last);
            let Err(line) = pages::shows(&ended.stdout, &block.text) else { return };
            assert!(begin.elapsed() < LONG, "line {}: not shown: {line}\n{ended:#?}", block.line);
            std::thread::sleep(Duration::from_millis(300));
        }
    }

    fn run(&self, text: &str) -> Ended {
        let mut shell = Command::new("bash");
        shell
            .args(["-euo", "pipefail", "-c", text])
            .current_dir(self.bed.folder.path())
            .env("KUBECONFIG", self.bed.kubeconfig());
        bed::run(shell, "")
    }
}
