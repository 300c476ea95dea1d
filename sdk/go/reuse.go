package wicket

// Reuse says, in an init function, that the plugin keeps nothing of an event: a
// handler that is registered to run Now, and a function given to HTTPThen, lets go of
// its Connect, Access, ClientHello or HTTPResponse when it returns, and of every text
// and slice in them. What is to be kept is copied, by strings.Clone and slices.Clone.
// Each event then has the same memory, without a copy and without an allocation. A
// Context is not meant: it may be kept until the answer.
//
// A plugin that breaks the promise takes one client for another. A Go compiler does
// not find that, and neither do tests that ask about one client at a time.
func Reuse() { handlers.reuse = true }
