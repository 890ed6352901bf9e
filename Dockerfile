# All of sandbind's programs, static, on nothing. Built by `cargo xtask image`.
# The command is not at /sandbind: pods mount their volumes there.
FROM scratch
COPY sandbind-step-agent sandbind-binder-sidecar sandbind-webhook sandbind-plugin-runner /
COPY sandbind /bin/sandbind
USER 65532:65532
ENTRYPOINT ["/bin/sandbind"]
