// Package place is the vocabulary of networks: which elements stand where, of
// which vendor, joined by which links, carrying whose traffic, managed from
// where, and from when to when. Inventories of several kinds are read into it
// (place/reader), the graph algorithms know none of it (place/graph), and what
// is asked of a network stands beside it: who sees what (place/exposure), which
// dated rules it obeys (place/policy), and what replacing costs (place/plan).
//
//	inventory files → Builder → Network → Snapshot on a date → exposure, policy, plan
//
// A fact that no file gave is unknown and stays unknown: an empty text, a zero
// Date, a Truth that is neither Yes nor No, a Count below zero. Nothing is
// guessed, since a rule that lacks a fact ends undetermined and names it.
package place
