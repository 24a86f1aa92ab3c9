// Every Dapper call in this assembly is replaced at build time; one that is not fails the native publish.
[module: Dapper.DapperAot]
