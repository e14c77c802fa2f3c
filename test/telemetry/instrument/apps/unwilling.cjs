module.exports = new Proxy(
  {},
  {
    ownKeys() {
      throw new Error('do not look at me');
    },
  },
);
