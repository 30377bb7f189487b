// Protobuf's wire format, without a library: what every generated decoder demands of its bytes, whatever the type.

/** Throws unless the bytes are a message. */
export function checkMessage(bytes) {
  const reader = new Reader(bytes);
  const groups = [];
  while (reader.at < bytes.length) {
    const { number, type } = reader.tag();
    switch (type) {
      case 0:
        reader.varint();
        break;
      case 1:
        reader.skip(8);
        break;
      case 2:
        reader.skip(reader.varint());
        break;
      case 3:
        groups.push(number);
        break;
      case 4:
        if (groups.pop() !== number) {
          throw new Error('the end of another group');
        }
        break;
      case 5:
        reader.skip(4);
        break;
      default:
        throw new Error('no such wire type');
    }
  }
  if (groups.length > 0) {
    throw new Error('a group without an end');
  }
}

class Reader {
  at = 0;

  constructor(bytes) {
    this.bytes = bytes;
  }

  tag() {
    const tag = this.varint();
    if (tag < 8 || tag >= 2 ** 32) {
      throw new Error('no such field number');
    }
    return { number: Math.floor(tag / 8), type: tag % 8 };
  }

  varint() {
    let value = 0;
    for (let place = 0; place < 10; place++) {
      const byte = this.bytes[this.at];
      this.skip(1);
      value += (byte & 0x7f) * 2 ** (7 * place);
      if (byte < 0x80) {
        return value;
      }
    }
    throw new Error('a varint without an end');
  }

  skip(length) {
    if (length > this.bytes.length - this.at) {
      throw new Error('the message ends within a field');
    }
    this.at += length;
  }
}
