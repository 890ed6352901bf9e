#!/bin/bash -e
curl -sL -o /bin/jq https://example.com/jq && chmod +x /bin/jq
NAME="q-${SIGNADOT_SANDBOX_ID}-${SIGNADOT_RESOURCE_NAME}"
ARGS=()
[ -z "$ATTRIBUTES" ] || ARGS+=(--attributes "$ATTRIBUTES")
[ -z "$TAGS" ] || ARGS+=(--tags "$TAGS")
echo -n "$NAME" > /tmp/queue-name
aws sqs create-queue --queue-name "$NAME" "${ARGS[@]}" | /bin/jq -j -r .QueueUrl > /tmp/queue-url
