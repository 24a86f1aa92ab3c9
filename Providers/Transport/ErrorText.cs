using System.Globalization;
using System.Text;
using System.Text.Json;

namespace AiChat.Providers.Transport;

/// <summary>The message and the kind in an error body, in any of the shapes that providers use.</summary>
internal readonly record struct ErrorText(string Message, string Kind, int? Status)
{
    private const int MaxPlainText = 500;

    public static ErrorText Read(ReadOnlySpan<byte> body)
    {
        try
        {
            var reader = new Utf8JsonReader(body);
            using var document = JsonDocument.ParseValue(ref reader);
            return Read(document.RootElement);
        }
        catch (JsonException)
        {
            var text = Encoding.UTF8.GetString(body).Trim();

            // HTML is never shown; many proxies answer with a short plain text.
            return text.StartsWith('<') ? default(ErrorText) with { Message = "", Kind = "html" }
                : new ErrorText(text.Length > MaxPlainText ? text[..MaxPlainText] : text, "", null);
        }
    }

    /// <summary>
    /// Reads <c>{error:{message,type,code,status}}</c>, <c>{error:"..."}</c>, <c>{message}</c>, <c>{detail}</c>, or a list of one of these.
    /// </summary>
    public static ErrorText Read(JsonElement root)
    {
        if (root.ValueKind == JsonValueKind.Array && root.GetArrayLength() > 0)
        {
            return Read(root[0]);
        }

        if (root.ValueKind != JsonValueKind.Object)
        {
            return new ErrorText(LenientJson.Read(root) ?? "", "", null);
        }

        if (root.TryGetProperty("error", out var error) && error.ValueKind is JsonValueKind.Object or JsonValueKind.String)
        {
            return error.ValueKind == JsonValueKind.Object
                ? Read(error) : new ErrorText(LenientJson.Read(error)!, Word(root, "code") ?? "", null);
        }

        var message = Word(root, "message") ?? Word(root, "detail") ?? Word(root, "error_description") ?? Word(root, "msg") ?? "";
        var kind = Word(root, "code") ?? Word(root, "status") ?? Word(root, "type") ?? "";
        var status = int.TryParse(kind, CultureInfo.InvariantCulture, out var number) && number is >= 400 and < 600 ? number : (int?)null;
        return new ErrorText(message, status is null ? kind : Word(root, "status") ?? Word(root, "type") ?? "", status);
    }

    public bool Has(string[] words)
    {
        foreach (var word in words)
        {
            if (Kind.Contains(word, StringComparison.OrdinalIgnoreCase) || Message.Contains(word, StringComparison.OrdinalIgnoreCase))
            {
                return true;
            }
        }

        return false;
    }

    private static string? Word(JsonElement element, string name)
    {
        element.TryGetProperty(name, out var value);
        return value.ValueKind switch
        {
            JsonValueKind.String => LenientJson.Read(value),
            JsonValueKind.Number or JsonValueKind.Object or JsonValueKind.Array => LenientJson.Raw(value),
            _ => null,
        };
    }
}
