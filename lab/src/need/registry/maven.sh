# Puts the jars that are the dependencies of $folder/pom.xml side by side into $folder.
# $lock has a line `SHA256  FILE` for each of them; $tool is Maven.
cd "$folder"
"$tool" --batch-mode --no-transfer-progress -Dstyle.color=never --file pom.xml \
    dependency:copy-dependencies "-DoutputDirectory=$folder"
sha256sum --check --quiet --strict "$lock"
for jar in *.jar; do
    grep -q "  $jar\$" "$lock" || {
        echo "$jar came along, and the lock has no checksum of it"
        exit 1
    }
done
