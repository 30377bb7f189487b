// The same classes as `require` gives, so that `instanceof` holds across both.
export * from './index.js';
