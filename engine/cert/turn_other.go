//go:build !linux

package cert

func offerTurn() {}
