// Package wardein is the vocabulary of an evaluation lab for the software
// inside telecom and network equipment.
//
// A release (a firmware image, a package, an archive, a directory) is unpacked
// into a tree of nodes. Each node's bytes are tiled by spans, so that every
// byte is accounted for. Checks read the nodes and state facts about bytes,
// then findings about the release. What could not be looked at is a Gap. A
// Report holds all of it and is the same to the byte for the same input, tool
// and data.
//
//	release → unpack → tree → checks → findings → report → evidence
//
// This package holds types only. It imports the standard library alone and
// knows no format, no check and no engine: those are values of the types here
// (Format, Check) that the engines (packages unpack and inspect) are handed.
//
// Three laws hold for everything built on these types:
//
//  1. The spans of a node tile it exactly; bytes that nobody claimed are
//     Unknown and are scanned, never counted as known.
//  2. Every pair of node and check ends done, failed or not applicable.
//  3. What was not looked at is a Gap.
package wardein
