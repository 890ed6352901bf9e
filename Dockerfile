# All of sandbind's programs, static, on nothing. Built by `cargo xtask image`.
FROM scratch
COPY sandbind-step-agent sandbind-binder-sidecar sandbind-webhook sandbind-plugin-runner sandbind /
USER 65532:65532
ENTRYPOINT ["/sandbind"]
