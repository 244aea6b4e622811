//! Descriptions, read as an operator writes them.
