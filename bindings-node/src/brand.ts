/**
 * Lets `instanceof` hold for the objects of another copy of this package in the same process, which two dependencies may
 * well bring. A subclass that a program makes has no brand of its own. @internal
 */
export function brand(type: { readonly name: string; readonly prototype: object }): void {
  const key = Symbol.for(`causewire.${type.name}`);
  Object.defineProperty(type.prototype, key, { value: true });
  Object.defineProperty(type, Symbol.hasInstance, {
    value(this: unknown, value: unknown): boolean {
      const branded = this === type && typeof value === 'object' && value !== null && key in value;
      return branded || Function.prototype[Symbol.hasInstance].call(this, value);
    },
  });
}
