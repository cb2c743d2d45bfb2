#!/bin/sh
# An exec hook that keeps extracted layers, so that the next unpack copies them instead of extracting.
#
#   [[hook]]
#   point = ["unpack.ociv1.layer.try-skip", "unpack.ociv1.layer.post-extract"]
#   exec = ["/usr/local/libexec/layerhook/layer-cache.sh"]
#   env = ["CACHE_DIR=/var/cache/layerhook"]
#
# It is for drivers that apply layers in order into rootfs, such as copy. What a layer leaves there depends on
# the layers below (a whiteout leaves nothing at all), so a diffID alone does not name it. Its chainID does: it is
# made of the diffIDs of the layer and of all below it. The cache has, by chainID, the whole tree up to a layer:
#
#   $CACHE_DIR/sha256-<chainID>   a tree; it comes into being by one rename, so it is there whole or not at all
#   $CACHE_DIR/new.*              trees that are being written
#
# With a file system that shares blocks between copies (btrfs, xfs) the trees take little space; elsewhere
# each is a copy. A tree that is not wanted any more can be removed with mv and rm -rf, at any time: an unpack that
# counted on it fails, and works when it is run again.
set -eu
umask 077

point=$1
context=$(cat)

# All that is needed stands before the first document of the JSON, where nothing comes from the image. In a
# hook of your own, a JSON parser does the same: jq -r .chainID
head=${context%%'"map":{'*}
rest=${context#"$head"}

field() {
    # a value with a backslash or a quote in it is not found, and the hook fails
    found=$(printf '%s\n' "$head" | sed -n 's/^.*[{,]"'"$1"'":"\([^"\\]*\)",.*$/\1/p')
    [ -n "$found" ] || { echo "cannot read $1 of the context" >&2; exit 1; }
}

# $1 = a chainID; the result is in $tree
tree_of() {
    case $1 in
    sha256:*[!0-9a-f]* | sha256:) echo "strange chainID $1" >&2; exit 1 ;;
    sha256:*) tree=$CACHE_DIR/sha256-${1#sha256:} ;;
    *) exit 77 ;;
    esac
}

# Everything of a tree that GNU cp can keep; it fails if it cannot keep an xattr.
copy() {
    cp -dR --preserve=mode,ownership,timestamps,links,xattr --reflink=auto -- "$1/." "$2/"
}

# Trees hold the owners that they were extracted with: only those of a plain unpack are kept.
case $rest in
'"map":{"uidMappings":[],"gidMappings":[],"rootless":false},'*) ;;
*) exit 77 ;;
esac

field rootfs
rootfs=$found
field chainID
chain=$found
# nobody else may reach setuid programs in the trees
mkdir -p "$CACHE_DIR"
chmod 700 "$CACHE_DIR"
# in a rootfs whose lower layers were skipped, and have yet to come with a higher tree
pending=$rootfs/.layer-cache-pending

case $point in
unpack.ociv1.layer.try-skip)
    # Only the highest tree there is gets copied; for the layers below it nothing is done.
    all=$(printf '%s\n' "$head" | sed -n 's/^.*"chainIDs":\[\([^]]*\)\].*$/\1/p' | tr -d '"' | tr , ' ')
    highest=
    reached=no
    for each in $all; do
        [ "$each" = "$chain" ] && reached=yes
        [ "$reached" = yes ] || continue
        tree_of "$each"
        if [ -d "$tree" ]; then highest=$each; fi
    done
    if [ -z "$highest" ]; then
        [ ! -e "$pending" ] || { echo "a tree was removed during the unpack; run it again" >&2; exit 1; }
        exit 77
    fi
    if [ "$highest" = "$chain" ]; then
        tree_of "$chain"
        # the mark, and what the layers below left if they were extracted
        find "$rootfs" -mindepth 1 -maxdepth 1 -exec rm -rf -- {} +
        copy "$tree" "$rootfs"
        echo "copied from $tree" >&2
    else
        : >"$pending"
    fi
    echo '{"skip":true}'
    ;;
unpack.ociv1.layer.post-extract)
    # a layer extracted into a directory of its own is no tree
    field target
    case $head in *'"into":"rootfs",'*) ;; *) exit 77 ;; esac
    [ "$found" = "$rootfs" ] || exit 77
    tree_of "$chain"
    [ ! -d "$tree" ] || exit 0
    # leftovers of a crash
    find "$CACHE_DIR" -mindepth 1 -maxdepth 1 -name 'new.*' -mmin +1440 -exec rm -rf -- {} +
    new=$(mktemp -d "$CACHE_DIR/new.XXXXXXXX")
    trap 'rm -rf -- "$new"' EXIT
    trap 'exit 1' HUP INT TERM
    # below new.*, which thus keeps its own time: the tree's may be of any year
    mkdir "$new/tree"
    copy "$rootfs" "$new/tree"
    # on disk before it has its name: a power loss leaves no hollow tree
    sync -f "$new"
    # the other one won if it is there by now: a directory that is not empty is not replaced
    mv -T -- "$new/tree" "$tree" || [ -d "$tree" ]
    ;;
*)
    echo "not a point of this hook: $point" >&2
    exit 1
    ;;
esac
