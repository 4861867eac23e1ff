# Builds a program of a module into $folder/bin; $tool is Go. $lock has lines of
#     MODULE VERSION CHECKSUM     as Go knows it
#     PACKAGE TAGS                the program's folder in the module
#     FILE TEXT                   what the module's own build would have generated
# What the module needs is checked against its go.sum, and all of it against Go's
# database of checksums.
export GOTOOLCHAIN=local CGO_ENABLED=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
{
    read -r module version sum
    read -r package tags
    cd "$work"
    "$tool" mod download -json "$module@$version" > told
    said() { sed -n "s/^\t\"$1\": \"\(.*\)\",*$/\1/p" told; }
    [ "$(said Sum)" = "$sum" ] || {
        echo "$module $version has the checksum $(said Sum), and the lock says $sum"
        exit 1
    }
    cp -r "$(said Dir)" source
    chmod -R u+w source
    cd source
    while read -r file text; do
        echo "$text" > "$file"
    done
} < "$lock"
"$tool" build -trimpath -tags "$tags" -o "$folder/bin/" "./$package"
