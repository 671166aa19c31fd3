# Benchmarks: filled by bench/
