"""Names, files and catalogs made to do harm, and the process that is made to meet them."""
