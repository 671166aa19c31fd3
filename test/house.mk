# deps, lint, install and help
