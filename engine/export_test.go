package engine

// TestData is the data directory of the brokers of all tests.
var TestData string
