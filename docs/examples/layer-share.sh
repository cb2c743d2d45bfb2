#!/bin/sh
# An exec hook that shares layers between containerds: what one has fetched and extracted, others take from a network share.
#
#   [[hook]]
#   point = ["snapshot.ociv1.layer.try-skip", "snapshot.ociv1.layer.post-extract"]
#   exec = ["/usr/local/libexec/layerhook/layer-share.sh"]
#   env = ["SHARE_DIR=/mnt/layers"]
#   on-failure = "continue"
#
# The share has layers as GNU tar makes them of what overlayfs has (a whiteout is a 0:0 device), by chainID:
#
#   $SHARE_DIR/sha256-<chainID>/<sha256 of the tar>.tar   comes into being by one rename, so it is there whole or not at all
#   $SHARE_DIR/sha256-<chainID>/new.*                     is being written
#
# The digest finds a tar that was damaged on its way, not one that somebody has forged: who may write the share says what is
# in the containers of all who read it. A tar may be removed at any time.
set -eu
umask 077

point=$1
context=$(cat)

# All that is needed stands before the first document of the JSON, where nothing comes from the image. In a
# hook of your own, a JSON parser does the same: jq -r .chainID
head=${context%%'"labels":{'*}

field() {
    # a value with a backslash or a quote in it is not found, and the hook fails
    found=$(printf '%s\n' "$head" | sed -n 's/^.*[{,]"'"$1"'":"\([^"\\]*\)",.*$/\1/p')
    [ -n "$found" ] || { echo "cannot read $1 of the context" >&2; exit 1; }
}

# in a user namespace whiteouts are something else
field overlayXattr
[ "$found" = trusted ] || exit 77
field chainID
case $found in
sha256:*[!0-9a-f]* | sha256:) echo "strange chainID $found" >&2; exit 1 ;;
sha256:*) layer=$SHARE_DIR/sha256-${found#sha256:} ;;
*) exit 77 ;;
esac
[ -d "$SHARE_DIR" ] || { echo "$SHARE_DIR is not there" >&2; exit 1; }

# the result is in $tar, empty if there is none
find_tar() {
    for tar in "$layer"/*.tar; do
        [ ! -f "$tar" ] || return 0
    done
    tar=
}

digest_of() {
    sha256sum <"$1" | cut -d ' ' -f 1
}

case $point in
snapshot.ociv1.layer.try-skip)
    field target
    find_tar
    [ -n "$tar" ] || exit 77
    if [ "$(digest_of "$tar")" != "$(basename "$tar" .tar)" ]; then
        # whoever extracts the layer next writes it again
        mv -- "$tar" "$tar.damaged" || true
        echo "$tar is damaged" >&2
        exit 1
    fi
    tar --extract --file="$tar" --directory="$found" --numeric-owner --same-owner --same-permissions \
        --delay-directory-restore --acls --xattrs --xattrs-include='*'
    echo "taken from $tar" >&2
    echo '{"skip":true}'
    ;;
snapshot.ociv1.layer.post-extract)
    field source
    mkdir -p "$layer"
    find_tar
    [ -z "$tar" ] || exit 0
    # leftovers of a crash
    find "$layer" -name 'new.*' -mmin +1440 -exec rm -f -- {} +
    new=$(mktemp "$layer/new.XXXXXXXX")
    trap 'rm -f -- "$new"' EXIT
    trap 'exit 1' HUP INT TERM
    # not what is true of this machine's overlayfs alone
    tar --create --file="$new" --directory="$found" --format=posix --pax-option=delete=atime,delete=ctime \
        --numeric-owner --acls --xattrs --xattrs-include='*' --xattrs-exclude='trusted.overlay.origin' \
        --xattrs-exclude='trusted.overlay.impure' --xattrs-exclude='trusted.overlay.uuid' \
        --xattrs-exclude='security.selinux' .
    # on disk before it has its name
    sync "$new"
    mv -- "$new" "$layer/$(digest_of "$new").tar"
    ;;
*)
    echo "not a point of this hook: $point" >&2
    exit 1
    ;;
esac
