Object.defineProperty(exports, 'Shop', {
  enumerable: true,
  get() {
    throw new Error('nor at me');
  },
});
