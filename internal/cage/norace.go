//go:build !race

package cage

const raceEnabled = false
