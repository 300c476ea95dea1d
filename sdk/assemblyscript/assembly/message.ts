import { Property, Topic } from "./event";
import { reader, Reader } from "./wire";

const nothing = new StaticArray<u8>(0);
const noTexts = new StaticArray<string | null>(0);

// An event whose texts are decoded when they are asked for first: a handler looks at a
// few of them. The input buffer is the broker's, so the event has a copy of what has
// come, with a table before it that says where each field is, by its number.
export abstract class Message {
  private came: StaticArray<u8> = nothing;
  private texts: StaticArray<string | null> = noTexts;

  // The numbers of fields go up to last.
  constructor(private last: u32) {}

  private get table(): u32 { return 8 * (this.last + 1); }

  private get origin(): usize { return changetype<usize>(this.came); }

  // Has r go on in a copy of the message that it is at.
  protected keep(r: Reader): void {
    if (r.bad) return;
    const size = r.left, copy = new StaticArray<u8>(i32(this.table + size)), at = changetype<usize>(copy) + this.table;
    memory.copy(at, r.here, size);
    this.came = copy;
    r.begin(at, size);
  }

  // Notes where the field is that r has read.
  protected place(r: Reader): void {
    const entry = this.origin + 8 * r.num;
    store<u32>(entry, u32(r.start - this.origin));
    store<u32>(entry, r.length, 4);
  }

  protected placeText(r: Reader): void {
    r.text();
    this.place(r);
  }

  protected placeMessage(r: Reader, form: string): void {
    this.place(r);
    r.check(form);
  }

  // A reader of a field, once: null when it is not there, or was taken.
  protected take(num: u32): Reader | null {
    if (this.came.length == 0) return null;
    const entry = this.origin + 8 * num, at = load<u32>(entry);
    if (at == 0) return null;
    store<u32>(entry, 0);
    reader.begin(this.origin + at, load<u32>(entry, 4));
    return reader;
  }

  // A reader of the whole message.
  private again(): Reader {
    if (this.came.length == 0) reader.begin(0, 0);
    else reader.begin(this.origin + this.table, this.came.length - this.table);
    return reader;
  }

  private known(): StaticArray<string | null> {
    if (this.texts.length == 0) this.texts = new StaticArray<string | null>(i32(this.last + 1));
    return this.texts;
  }

  protected text(num: u32): string {
    const texts = this.known(), known = unchecked(texts[num]);
    if (known !== null) return known;
    const r = this.take(num), text = r ? String.UTF8.decodeUnsafe(r.here, r.left) : "";
    unchecked(texts[num] = text);
    return text;
  }

  protected setText(num: u32, v: string): void { unchecked(this.known()[num] = v); }

  protected bytes(num: u32): Uint8Array {
    const r = this.take(num), b = new Uint8Array(r ? r.left : 0);
    if (r) memory.copy(b.dataStart, r.here, b.length);
    return b;
  }

  protected properties(num: u32): Property[] {
    const list: Property[] = [];
    for (const r = this.again(); r.next();) {
      if (r.num == num) readProperty(r, list);
    }
    return list;
  }

  protected topicList(num: u32): Topic[] {
    const list: Topic[] = [];
    for (const r = this.again(); r.next();) {
      if (r.num == num) readTopic(r, list);
    }
    return list;
  }

  protected strings(num: u32): string[] {
    const list: string[] = [];
    for (const r = this.again(); r.next();) {
      if (r.num == num) list.push(r.string());
    }
    return list;
  }

  protected numbers(num: u32): u32[] {
    const list: u32[] = [];
    for (const r = this.again(); r.next();) {
      if (r.num == num) list.push(r.u32());
    }
    return list;
  }
}

export function readProperty(r: Reader, list: Property[]): void {
  const outer = r.enter(), v = new Property();
  v.read(r);
  r.leave(outer);
  list.push(v);
}

function readTopic(r: Reader, list: Topic[]): void {
  const outer = r.enter(), v = new Topic();
  v.read(r);
  r.leave(outer);
  list.push(v);
}
