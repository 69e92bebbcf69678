"""One lifecycle node per file; the algorithms live in the packages beside this one."""
