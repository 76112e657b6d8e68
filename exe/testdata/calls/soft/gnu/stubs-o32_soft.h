/* Of a C library without soft-float variants: no function is missing. */
