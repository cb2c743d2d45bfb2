#!/bin/sh
# A hook that ships the tar of each new layer to another program, which gets the diffID as last argument. RECORD is a directory
# that lists what was shipped. Needs jq. The rootfs of such an unpack stays empty.
#   point = ["unpack.ociv1.layer.try-skip", "unpack.ociv1.layer.pre-extract", "unpack.ociv1.layer.post-extract"]
#   exec = ["/usr/local/libexec/ship-layer", "RECORD", "ssh", "backup", "receive-layer"]
set -eu
context=$(cat)
diffid=$(printf %s "$context" | jq -r .diffID)
record=$1
shift
shipped=$record/${diffid#*:}
for point; do :; done
case $point in
*.try-skip) if [ -e "$shipped" ]; then echo '{"skip": true}'; else echo '{"skip": false}'; fi ;;
*.pre-extract) # the point's name, which comes last, makes room for the diffID
    jq -n --arg diffid "$diffid" '{into: "command", argv: ($ARGS.positional[:-1] + [$diffid])}' --args -- "$@" ;;
*.post-extract) mkdir -p "$record" && : > "$shipped" ;; # the program has ended well, and the layer is verified
esac
