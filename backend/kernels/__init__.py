"""The compiled library: C++ for what the CPU spends its time on, built where a compiler is, or shipped prebuilt."""
