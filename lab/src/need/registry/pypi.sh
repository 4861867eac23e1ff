# Makes a virtual environment in $folder with exactly what $lock lists.
python3 -m venv "$folder" || {
    echo 'python3 cannot make a virtual environment: apt-get install python3-venv'
    exit 1
}
"$folder/bin/pip" install --disable-pip-version-check --no-input --require-hashes \
    --requirement "$lock"
