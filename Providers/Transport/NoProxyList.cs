using System.Globalization;
using System.Net;

namespace AiChat.Providers.Transport;

/// <summary>
/// Which targets go past the proxy: the rules of <c>NO_PROXY</c> as curl and Go have them. An entry is <c>*</c> (everything), a domain,
/// which stands for its subdomains too, with or without a leading dot or <c>*.</c>, an address, a network (CIDR) or the start of an IPv4
/// address (<c>192.168.*</c>). It may end with a port. Names are compared without regard to case; none is resolved.
/// </summary>
internal sealed class NoProxyList
{
    public const int MaxEntries = 500;
    public const int MaxEntry = 300;

    public static readonly NoProxyList Empty = new([]);

    private static readonly char[] Separators = [',', ' ', '\t', '\r', '\n', ';'];
    private readonly List<Entry> _entries = [];

    public NoProxyList(IEnumerable<string> entries)
    {
        foreach (var text in entries.SelectMany(item => item.Split(Separators, StringSplitOptions.RemoveEmptyEntries)))
        {
            _entries.Add(Entry.Read(text));
        }
    }

    /// <summary>The entries that match nothing, because they are none of the forms above.</summary>
    public IEnumerable<string> Unreadable => _entries.Where(entry => entry.IsUnreadable).Select(entry => entry.Text);

    public bool Matches(string host, int port)
    {
        var name = host.TrimEnd('.');
        var address = IPAddress.TryParse(name, out var literal) ? Plain(literal) : null;
        return _entries.Exists(entry => (entry.Port is null || entry.Port == port) && entry.Matches(name, address));
    }

    private static IPAddress Plain(IPAddress address) => address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;

    private sealed record Entry(string Text)
    {
        private string Name { get; init; } = "";

        private IPAddress? Address { get; init; }

        private IPNetwork? Network { get; init; }

        public int? Port { get; private init; }

        public bool IsUnreadable => Name.Length == 0 && Address is null && Network is null;

        public static Entry Read(string text)
        {
            var entry = new Entry(text);

            // Often written as an address of the web: http://10.1.10.1/ (litellm issue 2127).
            var scheme = text.IndexOf("://", StringComparison.Ordinal);
            text = scheme < 0 ? text : text[(scheme + 3)..].TrimEnd('/');
            if (IPNetwork.TryParse(text, out var network))
            {
                return entry with { Network = network };
            }

            if (IPAddress.TryParse(text.Trim('[', ']'), out var address))
            {
                return entry with { Address = Plain(address) };
            }

            var colon = text.LastIndexOf(':');
            if (colon > 0 && int.TryParse(text[(colon + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out var port))
            {
                text = text[..colon];
                entry = entry with { Port = port };
                if (IPAddress.TryParse(text.Trim('[', ']'), out address))
                {
                    return entry with { Address = Plain(address) };
                }
            }

            var name = text.StartsWith("*.", StringComparison.Ordinal) ? text[2..] : text.TrimStart('.');
            name = name.TrimEnd('.');
            return entry with { Name = name == "*" || IsStart(name) || Uri.CheckHostName(name) == UriHostNameType.Dns ? name : "" };
        }

        public bool Matches(string name, IPAddress? address) =>
            Name == "*" || (address is null
                ? Name.Length > 0 && (name.Equals(Name, StringComparison.OrdinalIgnoreCase)
                    || (name.EndsWith(Name, StringComparison.OrdinalIgnoreCase) && name[name.Length - Name.Length - 1] == '.'))
                : address.Equals(Address) || Network?.Contains(address) == true
                    || (IsStart(Name) && address.ToString().StartsWith(Name[..^1], StringComparison.Ordinal)));

        private static bool IsStart(string name) =>
            name.EndsWith(".*", StringComparison.Ordinal) && name[..^2].All(c => char.IsAsciiDigit(c) || c == '.');
    }
}
