package broker

import "sync"

// letter is something another shard, a gate's goroutine or the shard itself
// wants done on the shard's loop.
type letter interface{ open(s *Shard) }

// mailbox has many producers and one consumer. Letters of one producer are
// opened in the order they were posted.
type mailbox struct {
	mu      sync.Mutex
	letters []letter
	awake   bool // wake has been called and Drain has not come yet
	wake    func()
	spare   []letter // the consumer's: the slice taken before
}

// listen sets the wake-up and makes up for one that was missed.
func (m *mailbox) listen(wake func()) {
	m.mu.Lock()
	m.wake = wake
	missed := len(m.letters) > 0
	m.awake = missed
	m.mu.Unlock()
	if missed && wake != nil {
		wake()
	}
}

// post adds a letter and returns how many there are. The wake-up happens
// outside of the lock.
func (m *mailbox) post(l letter) int {
	m.mu.Lock()
	m.letters = append(m.letters, l)
	n := len(m.letters)
	wake := m.rouse()
	m.mu.Unlock()
	if wake != nil {
		wake()
	}
	return n
}

// postBelow adds a letter unless limit letters are there.
func (m *mailbox) postBelow(limit int, l letter) bool {
	m.mu.Lock()
	if len(m.letters) >= limit {
		m.mu.Unlock()
		return false
	}
	m.letters = append(m.letters, l)
	wake := m.rouse()
	m.mu.Unlock()
	if wake != nil {
		wake()
	}
	return true
}

// nudge wakes the consumer without a letter.
func (m *mailbox) nudge() {
	m.mu.Lock()
	wake := m.rouse()
	m.mu.Unlock()
	if wake != nil {
		wake()
	}
}

// rouse returns the wake-up if one is due; the caller holds the lock.
func (m *mailbox) rouse() func() {
	if m.awake {
		return nil
	}
	m.awake = m.wake != nil
	return m.wake
}

// keepLetters is the largest batch whose memory is kept for the next one.
const keepLetters = 4096

// take empties the mailbox. The slice is good until the next take.
func (m *mailbox) take() []letter {
	m.mu.Lock()
	defer m.mu.Unlock()
	batch := m.letters
	m.letters, m.awake = m.spare[:0], false
	m.spare = nil
	return batch
}

// done gives the batch's memory back.
func (m *mailbox) done(batch []letter) {
	if cap(batch) <= keepLetters {
		clear(batch)
		m.spare = batch[:0]
	}
}
