"""What `nox -s release` checks, builds and writes; nothing here sends anything anywhere."""
