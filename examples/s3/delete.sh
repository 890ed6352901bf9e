#!/bin/sh
# Everything in the bucket, all versions of it, and the bucket. What is gone already is fine.
set -eu
BUCKET="$SANDBIND_NAME"
umask 077
printf 'user = "%s:%s"\naws-sigv4 = "aws:amz:%s:s3"\n' "$S3_ACCESS_KEY" "$S3_SECRET_KEY" "$S3_REGION" >key

# request METHOD QUERY [MORE…]: sends the file `body`; CODE is what the server answers, with a text in the file `answer`.
request() {
  METHOD=$1 QUERY=$2
  shift 2
  : >answer
  CODE=$(curl --config key --silent --show-error --max-time 300 --output answer --write-out '%{http_code}' \
    --header "x-amz-content-sha256: $(sha256sum <body | cut -c 1-64)" --request "$METHOD" "$@" "$S3_ENDPOINT/$BUCKET$QUERY")
}
refuse() {
  printf '%s: %s\n' "$1" "$CODE" >&2
  cat answer >&2
  exit 1
}

# What there is, as the body of a request that deletes it. Keys stay as they are in the answer, where XML has escaped them already.
# A server without versions lists the same, or is asked again without.
VERSIONS='?versions='
while :; do
  : >body
  request GET "$VERSIONS"
  case "$CODE" in
    200) ;;
    404)
      grep -q '<Code>NoSuchBucket</Code>' answer || refuse GET
      exit 0 ;;
    501)
      [ "$VERSIONS" = '?versions=' ] || refuse GET
      VERSIONS='?list-type=2'
      continue ;;
    *) refuse GET ;;
  esac
  awk 'BEGIN { RS = "<"; printf "<Delete><Quiet>true</Quiet>" }
    { tag = $0; sub(/>.*/, "", tag); text = substr($0, length(tag) + 2) }
    tag == "Version" || tag == "DeleteMarker" || tag == "Contents" { inside = 1; key = version = "" }
    inside && tag == "Key" { key = text }
    inside && tag == "VersionId" { version = text }
    tag == "/Version" || tag == "/DeleteMarker" || tag == "/Contents" {
      inside = 0
      printf "<Object><Key>%s</Key>", key
      if (version != "") printf "<VersionId>%s</VersionId>", version
      printf "</Object>"
    }
    END { printf "</Delete>" }' answer >body
  grep -q '<Object>' body || break
  # S3 wants a checksum of the body, in base64. `printf` makes bytes of octal digits everywhere.
  SUM=$(md5sum <body | awk '{
    for (i = 1; i <= 32; i += 2) {
      n = 16 * (index("0123456789abcdef", substr($1, i, 1)) - 1) + index("0123456789abcdef", substr($1, i + 1, 1)) - 1
      printf "\\%03o", n
    }
  }')
  # shellcheck disable=SC2059 # the format is nothing but escapes
  SUM=$(printf "$SUM" | base64)
  request POST '?delete=' --header "Content-MD5: $SUM" --header 'Content-Type: application/xml' --data-binary @body
  # Else what could not be deleted would be listed again for ever.
  { [ "$CODE" = 200 ] && ! grep -q '<Error>' answer; } || refuse DELETE
done

: >body
request DELETE ''
case "$CODE" in
  204) ;;
  404) grep -q '<Code>NoSuchBucket</Code>' answer || refuse DELETE ;;
  *) refuse DELETE ;;
esac
