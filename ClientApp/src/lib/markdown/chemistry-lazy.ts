import 'katex/contrib/mhchem'
