#!/bin/bash -eu
# Runs in the image of the Dockerfile, in the checkout of Tokenward.

pip3 install ".[all]"
python3 -m fuzz.corpus "$WORK/seeds"

for target in fuzz/fuzz_*.py; do
    name=$(basename -s .py "$target")
    compile_python_fuzzer "$target" --paths "$PWD" --add-data "tests/vectors:tests/vectors"
    # Without the folder in front of the names.
    (cd "$WORK/seeds/$name" && python3 -m zipfile -c "$OUT/${name}_seed_corpus.zip" ./*)
    cp fuzz/tokens.dict "$OUT/$name.dict"
    printf '[libfuzzer]\nmax_len = 20000\n' >"$OUT/$name.options"
done
