using System.Reflection;
using System.Reflection.Emit;
using System.Text.RegularExpressions;

namespace AiChat.Tests.Architecture;

/// <summary>A member of a written type that refers to another type of its assembly.</summary>
internal sealed record TypeReference(Type From, string Member, Type To)
{
    public override string ToString() => $"{From.FullName}.{Member} -> {To.FullName}";
}

/// <summary>
/// Reads from the compiled assembly which types refer to which: by base types, interfaces, constraints, attributes, fields,
/// signatures, locals, catch clauses and every token of every method body. Closures, iterators and state machines count as the type
/// and the member they were written in. Constants and <c>nameof</c> leave no trace in compiled code and are not found. Neither is the
/// literal of an enum, but code that takes or holds the value refers to the enum and is found.
/// </summary>
internal static partial class TypeReferences
{
    private const BindingFlags Declared =
        BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Static | BindingFlags.Instance | BindingFlags.DeclaredOnly;

    private static readonly Dictionary<ushort, OpCode> OpCodesByValue = typeof(OpCodes).GetFields(BindingFlags.Public | BindingFlags.Static)
        .Select(field => (OpCode)field.GetValue(null)!).ToDictionary(code => (ushort)code.Value);

    /// <summary>The top-level types, without those of generators.</summary>
    public static IEnumerable<Type> Written(Assembly assembly) => assembly.GetTypes().Where(type => !type.IsNested && !IsGenerated(type));

    /// <summary>The references of a type and its nested types within their assembly, each once by member.</summary>
    public static IEnumerable<TypeReference> From(Type type)
    {
        var own =
            from found in InType(type)
            from part in Parts(found.Type)
            where part.Assembly == type.Assembly && !IsGenerated(Outermost(part))
            let reference = new TypeReference(Author(type), Author(type, found.Member), Author(part))
            where Outermost(reference.From) != Outermost(reference.To)
            select reference;
        return own.Concat(type.GetNestedTypes(Declared).SelectMany(From)).Distinct();
    }

    public static Type Outermost(Type type) => type.DeclaringType is { } outer ? Outermost(outer) : type;

    /// <summary>The name of a type of one file alone begins with a bracket too, but a generator's is in a namespace of its own.</summary>
    private static bool IsGenerated(Type type) =>
        type.Name.StartsWith('<') && type.Namespace?.StartsWith("AiChat.", StringComparison.Ordinal) != true;

    /// <summary>The written type from which the compiler generated this one.</summary>
    private static Type Author(Type type) => type.Name.Contains('<') && type.DeclaringType is { } outer ? Author(outer) : type;

    /// <summary>The written member from which the compiler generated this one; a closure's fields and constructor belong to none.</summary>
    private static string Author(Type type, string member)
    {
        for (var part = type; ; part = part.DeclaringType!)
        {
            if (BracketedName().Match(member) is { Success: true } found)
            {
                return found.Groups[1].Value;
            }

            if (Author(part) == part)
            {
                return member.StartsWith('<') ? "(closure)" : AccessorPrefix().Replace(member, "");
            }

            member = part.Name;
        }
    }

    private static IEnumerable<(string Member, Type Type)> InType(Type type)
    {
        var itself = type.GetInterfaces().Concat(Constraints(type.GetGenericArguments()))
            .Concat(Attributes(type.GetCustomAttributesData()));
        foreach (var found in type.BaseType is { } parent ? itself.Prepend(parent) : itself)
        {
            yield return ("(declaration)", found);
        }

        foreach (var member in type.GetMembers(Declared).Where(member => member is not Type))
        {
            var signature = member switch
            {
                FieldInfo field => [field.FieldType],
                MethodBase method => InMethod(method),
                _ => [], // a property or an event: its accessors and its field are visited separately
            };
            foreach (var found in signature.Concat(Attributes(member.GetCustomAttributesData())))
            {
                yield return (member.Name, found);
            }
        }
    }

    private static IEnumerable<Type> InMethod(MethodBase method)
    {
        var result = method is MethodInfo { ReturnParameter: var returned } ? [returned] : Array.Empty<ParameterInfo>();
        var signature = method.GetParameters().Concat(result)
            .SelectMany(parameter => Attributes(parameter.GetCustomAttributesData()).Append(parameter.ParameterType));
        var arguments = method.IsGenericMethodDefinition ? method.GetGenericArguments() : [];
        var types = signature.Concat(Constraints(arguments));
        return method.GetMethodBody() is { } body
            ? types.Concat(body.LocalVariables.Select(local => local.LocalType))
                .Concat(body.ExceptionHandlingClauses.Where(IsCatch).Select(clause => clause.CatchType!))
                .Concat(Tokens(body.GetILAsByteArray()!).SelectMany(token =>
                    InToken(method.Module.ResolveMember(token, method.DeclaringType!.GetGenericArguments(), arguments)!)))
            : types;
    }

    private static bool IsCatch(ExceptionHandlingClause clause) => clause.Flags == ExceptionHandlingClauseOptions.Clause;

    private static IEnumerable<Type> InToken(MemberInfo member) => member switch
    {
        Type type => [type],
        MethodInfo { IsGenericMethod: true } method => [method.DeclaringType!, .. method.GetGenericArguments()],
        _ => [member.DeclaringType!],
    };

    /// <summary>The texts in the methods of a type, without those of its nested types.</summary>
    public static IEnumerable<string> Literals(Type type) =>
        from method in type.GetMethods(Declared).Concat<MethodBase>(type.GetConstructors(Declared))
        let body = method.GetMethodBody()?.GetILAsByteArray()
        where body is not null
        from token in Tokens(body, OperandType.InlineString)
        select method.Module.ResolveString(token);

    /// <summary>The tokens of types, fields and methods in a method body, in their order.</summary>
    private static IEnumerable<int> Tokens(byte[] body) =>
        Tokens(body, OperandType.InlineType, OperandType.InlineField, OperandType.InlineMethod, OperandType.InlineTok);

    private static IEnumerable<int> Tokens(byte[] body, params OperandType[] kinds)
    {
        for (var at = 0; at < body.Length;)
        {
            var code = OpCodesByValue[body[at] == 0xfe ? (ushort)(0xfe00 | body[at + 1]) : body[at]];
            at += code.Size;
            if (kinds.Contains(code.OperandType))
            {
                yield return BitConverter.ToInt32(body, at);
            }

            at += code.OperandType switch
            {
                OperandType.InlineNone => 0,
                OperandType.ShortInlineBrTarget or OperandType.ShortInlineI or OperandType.ShortInlineVar => 1,
                OperandType.InlineVar => 2,
                OperandType.InlineI8 or OperandType.InlineR => 8,
                OperandType.InlineSwitch => 4 + (4 * BitConverter.ToInt32(body, at)),
                _ => 4,
            };
        }
    }

    private static IEnumerable<Type> Constraints(Type[] arguments) =>
        arguments.Where(argument => argument.IsGenericParameter).SelectMany(argument => argument.GetGenericParameterConstraints());

    private static IEnumerable<Type> Attributes(IEnumerable<CustomAttributeData> attributes) =>
        from attribute in attributes
        from found in attribute.ConstructorArguments.Concat(attribute.NamedArguments.Select(named => named.TypedValue)).SelectMany(Values)
            .Prepend(attribute.AttributeType)
        select found;

    private static IEnumerable<Type> Values(CustomAttributeTypedArgument argument) => argument.Value switch
    {
        Type type => [type],
        IEnumerable<CustomAttributeTypedArgument> items => items.SelectMany(Values).Append(argument.ArgumentType),
        _ => [argument.ArgumentType],
    };

    /// <summary>A type and its parts: the element of an array or a pointer, the arguments of a generic type.</summary>
    private static IEnumerable<Type> Parts(Type type) => type switch
    {
        { HasElementType: true } => Parts(type.GetElementType()!),
        { IsGenericParameter: true } => [],
        { IsGenericType: true } => type.GetGenericArguments().SelectMany(Parts).Prepend(type.GetGenericTypeDefinition()),
        _ => [type],
    };

    [GeneratedRegex("<([^<>0-9][^<>]*)>")]
    private static partial Regex BracketedName();

    [GeneratedRegex("^(get|set|add|remove)_")]
    private static partial Regex AccessorPrefix();
}
