//go:build !race

package unpack_test

const raceFactor = 1
