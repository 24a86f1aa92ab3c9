using System.Globalization;
using System.Text;
using System.Text.Json;

namespace AiChat.Providers.Transport;

/// <summary>The message and the kind in an error body, in any of the shapes that providers use.</summary>
internal readonly record struct ErrorText(string Message, string Kind, int? Status)
{
    /// <summary>Its members by which the vendor's clients branch; null when it has none of them.</summary>
    public VendorError? Vendor { get; init; }

    private const int MaxPlainText = 500;

    /// <summary>Tokens that the model reads, from llama.cpp.</summary>
    public int? ContextLimit { get; init; }

    /// <summary>Tokens of the prompt that was refused, from llama.cpp.</summary>
    public int? PromptTokens { get; init; }

    /// <summary>Members that mean an error whatever else a reply holds.</summary>
    private static readonly string[] Strong = ["error", "error_msg", "errorMessage", "error_message", "errors", "base_resp", "ErrorMsg"];

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
    /// Whether a member of a reply reports an error, whatever else the reply holds; the reader stands on the name and is left on the value.
    /// </summary>
    public static bool Names(ref Utf8JsonReader reader)
    {
        var text = reader.ValueTextEquals("error"u8) || reader.ValueTextEquals("error_msg"u8) || reader.ValueTextEquals("errorMessage"u8)
            || reader.ValueTextEquals("error_message"u8) || reader.ValueTextEquals("errors"u8) || reader.ValueTextEquals("ErrorMsg"u8);
        var status = !text && reader.ValueTextEquals("base_resp"u8);
        reader.Read();
        if (status && reader.TokenType == JsonTokenType.StartObject)
        {
            var copy = reader;
            using var value = JsonDocument.ParseValue(ref copy);
            return IsError("base_resp", value.RootElement);
        }

        return text && (reader.TokenType == JsonTokenType.StartObject
            || (reader.TokenType == JsonTokenType.String && reader.ValueSpan.Length > 0)
            || (reader.TokenType == JsonTokenType.StartArray && !IsEmptyList(reader)));
    }

    /// <summary>Whether an object reports an error, whatever else it holds.</summary>
    public static bool IsIn(JsonElement root)
    {
        foreach (var member in root.ValueKind == JsonValueKind.Object ? root.EnumerateObject() : default)
        {
            foreach (var name in Strong)
            {
                if (member.NameEquals(name) && IsError(name, member.Value))
                {
                    return true;
                }
            }
        }

        return false;
    }

    /// <summary>
    /// Reads <c>{error:{message,type,code,status}}</c>, <c>{error:"..."}</c>, <c>{errors:[...]}</c>, <c>{message}</c>, <c>{detail}</c>,
    /// MiniMax's <c>{base_resp:{status_code,status_msg}}</c>, Baidu's <c>{error_code,error_msg}</c>, Tencent's <c>{ErrorMsg:{Code,Msg}}</c>
    /// and <c>{Response:{Error:{Code,Message}}}</c>, or a list of one of these.
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

        if (root.TryGetProperty("Response", out var response) && response.ValueKind == JsonValueKind.Object)
        {
            return Read(response);
        }

        foreach (var name in (ReadOnlySpan<string>)["error", "base_resp", "errors", "ErrorMsg", "Error"])
        {
            if (root.TryGetProperty(name, out var error) && IsError(name, error))
            {
                return error.ValueKind == JsonValueKind.String
                    ? new ErrorText(LenientJson.Read(error)!, Word(root, "code") ?? Word(root, "type") ?? "", null) : Read(error);
            }
        }

        var message = First(
            root, "message", "error_msg", "errorMessage", "error_message", "status_msg", "detail", "error_description", "msg", "Message",
            "Msg");
        var kind = First(root, "code", "error_code", "errorCode", "status_code", "status", "type", "Code");
        var status = VendorStatus(root, kind)
            ?? (int.TryParse(kind, CultureInfo.InvariantCulture, out var number) && number is >= 400 and < 600 ? number : null);
        return new ErrorText(
            message,
            status is null ? kind : IsFilter(root, kind) ? "content_filter" : Word(root, "status") ?? Word(root, "type") ?? "",
            status)
        {
            ContextLimit = Number(root, "n_ctx"),
            PromptTokens = Number(root, "n_prompt_tokens"),
            Vendor = (Word(root, "type"), Word(root, "code"), Word(root, "param")) is var (type, code, param)
                && (type ?? code ?? param) is not null ? new VendorError(type, code, param) : null,
        };
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

    private static bool IsError(string name, JsonElement value) => name switch
    {
        "error" => value.ValueKind == JsonValueKind.Object || (value.ValueKind == JsonValueKind.Array && value.GetArrayLength() > 0)
            || value is { ValueKind: JsonValueKind.String } && !value.ValueEquals(""),
        "error_msg" or "errorMessage" or "error_message" => value.ValueKind == JsonValueKind.String && !value.ValueEquals(""),
        "ErrorMsg" or "Error" => value.ValueKind == JsonValueKind.Object,
        "errors" => (value.ValueKind == JsonValueKind.Array && value.GetArrayLength() > 0)
            || (value.ValueKind == JsonValueKind.Object && value.EnumerateObject().MoveNext()),
        "base_resp" => value.ValueKind == JsonValueKind.Object && value.TryGetProperty("status_code", out var code)
            && !(code.ValueKind == JsonValueKind.Number && code.TryGetInt32(out var number) && number == 0),
        _ => false,
    };

    private static bool IsEmptyList(Utf8JsonReader reader) => reader.Read() && reader.TokenType == JsonTokenType.EndArray;

    private static string First(JsonElement element, params ReadOnlySpan<string> names)
    {
        foreach (var name in names)
        {
            if (Word(element, name) is { Length: > 0 } word)
            {
                return word;
            }
        }

        return "";
    }

    private static bool IsFilter(JsonElement root, string kind) => kind is "1026" or "1027" && root.TryGetProperty("status_msg", out _)
        || (kind == "1301" && root.TryGetProperty("code", out _));

    /// <summary>What a vendor's own number of an error would be as a status of HTTP.</summary>
    private static int? VendorStatus(JsonElement root, string kind)
    {
        if (root.TryGetProperty("status_msg", out _))
        {
            // MiniMax, "Error codes".
            return kind switch
            {
                "1002" or "1039" or "1041" or "2045" or "2056" => 429,
                "1004" or "2049" => 401,
                "1008" => 402,
                "1026" or "1027" or "1042" or "2013" => 400,
                "1000" or "1001" or "1013" or "1024" or "1033" => 500,
                _ => null,
            };
        }

        if (kind is ['1', >= '0' and <= '3', _, _] && root.TryGetProperty("code", out var code) && code.ValueKind == JsonValueKind.String)
        {
            // Zhipu, "Error codes".
            return kind switch
            {
                "1302" or "1303" or "1305" => 429,
                "1113" or "1304" or "1308" or "1309" or "1310" or "1311" => 402,
                "1211" or "1222" => 404,
                _ when kind[1] == '0' => 401,
                _ when kind[1] == '1' => 403,
                "1230" or "1231" or "1234" => 500,
                _ => 400,
            };
        }

        // Baidu's Qianfan, "Error codes".
        return !root.TryGetProperty("error_code", out _) ? null : kind switch
        {
            "4" or "17" or "18" or "19" or "336501" or "336502" => 429,
            "6" or "13" or "14" or "15" or "110" or "111" => 401,
            "1" or "2" or "336000" or "336100" => 500,
            _ => null,
        };
    }

    private static int? Number(JsonElement element, string name) =>
        element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var number)
            && number > 0 ? number : null;

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
