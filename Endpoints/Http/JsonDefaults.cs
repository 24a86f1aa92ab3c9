using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace AiChat.Endpoints.Http;

/// <summary>How the API reads and writes JSON. The context of each room has these options.</summary>
internal static class JsonDefaults
{
    /// <summary>Writes camel case, enums as text and no nulls. Refuses unknown, duplicate and wrongly typed members.</summary>
    /// <param name="converters">Additional converters for the types of the room.</param>
    public static JsonSerializerOptions Create(params ReadOnlySpan<JsonConverter> converters)
    {
        var options = Configure(new JsonSerializerOptions(JsonSerializerDefaults.Web));
        foreach (var converter in converters)
        {
            options.Converters.Add(converter);
        }

        return options;
    }

    /// <summary>Configures the options of the web framework: the contexts of the rooms in order, with their converters.</summary>
    public static void Configure(JsonSerializerOptions options, params ReadOnlySpan<JsonSerializerContext> contexts)
    {
        Configure(options);
        for (var at = 0; at < contexts.Length; at++)
        {
            options.TypeInfoResolverChain.Insert(at, contexts[at]);
            foreach (var converter in contexts[at].Options.Converters)
            {
                if (!options.Converters.Any(known => known.GetType() == converter.GetType()))
                {
                    options.Converters.Add(converter);
                }
            }
        }
    }

    private static JsonSerializerOptions Configure(JsonSerializerOptions options)
    {
        options.NumberHandling = JsonNumberHandling.Strict;
        options.PropertyNameCaseInsensitive = false;
        options.AllowDuplicateProperties = false;
        options.UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow;
        options.RespectNullableAnnotations = true;
        options.RespectRequiredConstructorParameters = true;
        options.DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull;
        options.MaxDepth = 16;
        options.Converters.Add(new TimestampConverter());
        options.Converters.Add(new OptionalConverter<string?>());
        options.Converters.Add(new OptionalConverter<long?>());
        options.Converters.Add(new OptionalConverter<decimal?>());
        options.Converters.Add(new OptionalConverter<bool?>());
        options.Converters.Add(new OptionalConverter<int?>());
        options.Converters.Add(new OptionalConverter<string[]?>());
        options.Converters.Add(new OptionalConverter<long[]?>());
        // Sent as application/json with nosniff and never inside HTML, so only what JSON itself requires is escaped.
        options.Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping;
        return options;
    }
}
