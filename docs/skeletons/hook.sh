#!/bin/sh
# NAME: a hook. It logs each layer that unpack extracts, and notes the image in config.json. Needs jq.
set -eu
case $1 in
unpack.ociv1.layer.post-extract) # no result; lines on stderr go to the log
    jq -r '"extracted \(.diffID): \(.applied.bytes) bytes"' >&2
    ;;
unpack.ociv1.bundle.config) # the result is the changed spec
    jq '.manifestDescriptor.digest as $digest | .spec | .annotations["NAME.image"] = $digest'
    ;;
*) exit 77 ;; # declined
esac
