package topic

// roster is an immutable list of the members of a group, nil when empty. It
// is cut in blocks, so that a change copies one block and the list of blocks:
// a group of 10⁵ members changes about as fast as one of a hundred.
type roster[S comparable] struct {
	n      int
	blocks [][]member[S] // all but the last are full
}

const blockSize = 256

func (r *roster[S]) len() int {
	if r == nil {
		return 0
	}
	return r.n
}

func (r *roster[S]) at(i int) *member[S] { return &r.blocks[i/blockSize][i%blockSize] }

// with returns a copy of length n, at most one more or less than it was, in
// which m is at i; if i is n, m is left out.
func (r *roster[S]) with(n, i int, m member[S]) *roster[S] {
	if n == 0 {
		return nil
	}
	c := &roster[S]{n: n, blocks: make([][]member[S], (n+blockSize-1)/blockSize)}
	if r != nil {
		copy(c.blocks, r.blocks)
	}
	last := len(c.blocks) - 1
	size := n - last*blockSize
	resized := size != len(c.blocks[last])
	if resized {
		c.own(last, size)
	}
	if i < n {
		if b := i / blockSize; b != last || !resized {
			c.own(b, len(c.blocks[b]))
		}
		*c.at(i) = m
	}
	return c
}

// own replaces a block by a copy of length n, which keeps no member alive
// that has left.
func (r *roster[S]) own(block, n int) {
	old := r.blocks[block]
	r.blocks[block] = make([]member[S], n)
	copy(r.blocks[block], old)
}
