//go:build race

package cage

// The race detector maps terabytes of shadow memory.
const raceEnabled = true
