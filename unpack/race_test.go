//go:build race

package unpack_test

// raceFactor is how much slower and larger the race detector makes a test.
const raceFactor = 15
