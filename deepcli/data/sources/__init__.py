"""Data as people bring them: what finds, describes and divides image folders, tables, texts and arrays."""
