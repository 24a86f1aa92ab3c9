using System.Text.Json;
using AiChat.Data.Catalog;
using AiChat.Endpoints.Secrets;
using AiChat.Endpoints.Settings;

namespace AiChat.Endpoints.Catalog;

/// <summary>Encrypts the keys and header values of connections, bound to their row, and decrypts them only for a call.</summary>
internal sealed class ConnectionSecrets(SecretCipher cipher, Redactor redactor)
{
    /// <summary>The end of a shorter key would reveal too much of it.</summary>
    private const int MinHinted = 12;

    /// <summary>Null when the row's keys cannot be read on this installation; empty when it has none.</summary>
    public IReadOnlyList<string>? Keys(ConnectionRow row) =>
        row.SecretKeys is { } text ? Open(row, "secret_keys", text, CatalogRowJson.Default.StringArray) : [];

    /// <summary>Null when the row's headers cannot be read on this installation; empty when it has none.</summary>
    public IReadOnlyDictionary<string, string>? Headers(ConnectionRow row) =>
        row.SecretHeaders is { } text
            ? Open(row, "secret_headers", text, CatalogRowJson.Default.DictionaryStringString)
            : new Dictionary<string, string>();

    /// <summary>The row with these keys in place of its own.</summary>
    public ConnectionRow WithKeys(ConnectionRow row, IReadOnlyList<string> keys) => row with
    {
        SecretKeys = keys.Count == 0
            ? null
            : Seal(row, "secret_keys", JsonSerializer.Serialize([.. keys], CatalogRowJson.Default.StringArray)),
        KeyHints = JsonSerializer.Serialize([.. keys.Select(Hint)], CatalogRowJson.Default.StringArray),
    };

    /// <summary>The row with these headers in place of its own.</summary>
    public ConnectionRow WithHeaders(ConnectionRow row, IReadOnlyDictionary<string, string> headers) => row with
    {
        SecretHeaders = headers.Count == 0
            ? null
            : Seal(
                row, "secret_headers",
                JsonSerializer.Serialize(new Dictionary<string, string>(headers), CatalogRowJson.Default.DictionaryStringString)),
        HeaderNames = JsonSerializer.Serialize([.. headers.Keys], CatalogRowJson.Default.StringArray),
    };

    /// <summary>The row's choice of a proxy with the address in clear; null when it cannot be read on this installation.</summary>
    public string? Proxy(ConnectionRow row) => row.SecretProxy is { } text
        ? cipher.Open(SecretPurpose.ProviderSecrets, Place(row, "secret_proxy"), text)
        : row.Proxy;

    /// <summary>The row with this choice, in clear, in place of its own.</summary>
    public ConnectionRow WithProxy(ConnectionRow row, string choice) => row with
    {
        Proxy = OutboundText.Show(choice),
        SecretProxy = choice is ProxySetting.Inherit or ProxySetting.None ? null : Seal(row, "secret_proxy", choice),
    };

    /// <summary>Redacts this row's secrets in all later log lines.</summary>
    public void Conceal(ConnectionRow row)
    {
        foreach (var secret in (Keys(row) ?? []).Concat(Headers(row)?.Values ?? []).Concat(OutboundText.Secrets(Proxy(row) ?? "")))
        {
            redactor.Add(secret);
        }
    }

    private static string Hint(string key) => key.Length < MinHinted ? "…" : "…" + key[^4..];

    private static string Place(ConnectionRow row, string column) => $"connections|{column}|{row.RowUuid}|v1";

    private string Seal(ConnectionRow row, string column, string text) =>
        cipher.Seal(SecretPurpose.ProviderSecrets, Place(row, column), text);

    private T? Open<T>(ConnectionRow row, string column, string text, System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> type)
        where T : class =>
        StoredJson.Read(cipher.Open(SecretPurpose.ProviderSecrets, Place(row, column), text), type);
}
