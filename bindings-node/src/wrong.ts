/**
 * A value of another type than wanted: says which it is, and never the value, which may be a secret. @internal
 */
export function wrongType(name: string, wanted: string, value: unknown): TypeError {
  return new TypeError(`${name} must be ${wanted}, is ${described(value)}`);
}

function described(value: unknown): string {
  if (value === null || value === undefined) {
    return String(value);
  }
  if (Array.isArray(value)) {
    return 'an array';
  }
  const type = typeof value;
  if (type !== 'object') {
    return `a ${type}`;
  }
  const { constructor } = value as { constructor?: unknown };
  const name: unknown = typeof constructor === 'function' ? constructor.name : undefined;
  if (typeof name !== 'string' || name === '' || name === 'Object') {
    return 'an object';
  }
  return `${/^[AEIOU]/.test(name) ? 'an' : 'a'} ${name}`;
}
