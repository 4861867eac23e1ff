# Makes a virtual environment in $folder with exactly what $lock lists; $tool is
# Python.
"$tool" -m venv "$folder"
"$folder/bin/pip" install --disable-pip-version-check --no-input --require-hashes \
    --requirement "$lock"
