// Package component names the products in a release and their versions, from
// bare binaries as well as from what package databases declare.
package component
