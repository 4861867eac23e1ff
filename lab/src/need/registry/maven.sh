# Puts the files that $lock lists, `SHA256  PATH` a line, side by side into
# $folder.
repository=${MAVEN_REPOSITORY:-https://repo1.maven.org/maven2}
while read -r sum path; do
    [ -n "$path" ] || continue
    file=$folder/${path##*/}
    curl --fail --silent --show-error --location --retry 3 --output "$file" "$repository/$path"
    echo "$sum  $file" | sha256sum --check --quiet
done < "$lock"
