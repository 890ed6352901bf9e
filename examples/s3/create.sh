#!/bin/sh
# The bucket. A bucket that is there already is ours, for nobody else gets this name: it is kept with what is in it.
set -eu
BUCKET="$SANDBIND_NAME"

# The key reaches curl by a file of this step's own folder, for arguments are seen by everyone who lists processes.
umask 077
printf 'user = "%s:%s"\naws-sigv4 = "aws:amz:%s:s3"\n' "$S3_ACCESS_KEY" "$S3_SECRET_KEY" "$S3_REGION" >key

# S3 wants every region named but its first.
: >body
if [ "$S3_REGION" != us-east-1 ]; then
  cat >body <<BODY
<CreateBucketConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
  <LocationConstraint>$S3_REGION</LocationConstraint>
</CreateBucketConfiguration>
BODY
fi
CODE=$(curl --config key --silent --show-error --max-time 60 --output answer --write-out '%{http_code}' \
  --header "x-amz-content-sha256: $(sha256sum <body | cut -c 1-64)" --request PUT --data-binary @body "$S3_ENDPOINT/$BUCKET")
case "$CODE" in
  200) ;;
  409) grep -q '<Code>BucketAlreadyOwnedByYou</Code>' answer || { cat answer >&2; exit 1; } ;;
  *) printf 'PUT %s: %s\n' "$BUCKET" "$CODE" >&2; cat answer >&2; exit 1 ;;
esac

printf %s "$S3_ENDPOINT" >endpoint
printf %s "$S3_REGION" >region
printf %s "$BUCKET" >bucket
printf %s "$S3_ENDPOINT/$BUCKET" >url
